"""A stub of SQS, Lambda and DynamoDB, fast enough to never be what is measured.

It has one queue with a backlog, hands out each message once, and counts. `python -m benchmarks.stub --help`.
"""
