"""Other ways to work a queue of SQS, on the same stub: `python -m benchmarks.peers`.

What they need is installed into a temporary folder. They are in benchmarks/arms/peers.
"""
