"""The local AWS: how do I run the whole stack on this machine, with no account and no Docker?

emulator starts one, running is one that runs, stack builds and deploys to it, logs follows
its functions, state remembers the one of `make up`. Import from the modules; nothing is here, as
the guard starts in a bare interpreter.
"""
