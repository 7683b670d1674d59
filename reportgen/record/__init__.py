"""The record: figures, metrics, ledger, schema, migrations, merging."""
