"""Other ways to work an SQS queue, on the same stub: `python -m benchmarks.peers`.

Their scripts are in benchmarks/arms/peers; their packages are installed into a temporary folder.
"""
