"""What all parts of reportgen share: errors, units, files, the cache, digests."""
