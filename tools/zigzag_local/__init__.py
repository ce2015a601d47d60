"""The local AWS: runs the whole stack on this machine, without an account and without Docker.

`emulator` starts one, `running` describes it, `stack` builds and deploys to it, `logs` follows its functions,
and `state` remembers the one of `make up`. Import from the modules: this one is empty, as the guard runs in a
bare interpreter.
"""
