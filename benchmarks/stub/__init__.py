"""A stub of SQS, Lambda and DynamoDB. It is so fast that its own time does not matter in a measurement.

It has one queue with a backlog, gives each message once, and counts. `python -m benchmarks.stub --help`.
"""
