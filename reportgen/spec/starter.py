"""The spec that `reportgen init` writes: it runs as it is, and says what to change."""

STARTER = """\
reportgen: 1
title: My first report

# The report is written to out/: commit it. Git leaves the ends of its lines alone if .gitattributes
# has the line `out/** -text`.

# Each data set has a table. `reportgen list datasets` shows what there is; a folder of images per
# class works too: {source: folder, path: my_images, shape: [3, 32, 32], classes: 2}.
datasets:
  digits: {split: test}

# Each model has a row, under the name you give it. `reportgen list models` shows what there is.
models:
  Perceptron:
    source: zoo/digits_mlp
    baseline: true                     # speed-ups are against this one
    weights: {fit: {epochs: 5}}        # or {file: my.safetensors}, or {url: …, sha256: …}
  Small CNN:
    source: zoo/digits_cnn
    weights: {fit: {epochs: 5}}

# What is left out is not measured.
measure:
  complexity: {}                       # parameters, MACs, FLOPs
  timing: {batch_sizes: [1, 64]}       # latency, throughput, speed-up
  accuracy: {metrics: [top1, loss]}

# Limits that `reportgen check` holds every model to:
# budgets: {params: ≤ 100 K, top1: "≥ 95 %"}

# Figures that somebody published are shown as quoted:
# reported:
#   - {of: Small CNN, metric: top1, value: 99.1 %, from: the paper's table 2}
"""
