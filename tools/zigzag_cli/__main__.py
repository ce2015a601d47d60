"""`python -m zigzag_cli`."""

import sys

from zigzag_cli.completing import ASKED, tasks

if sys.argv[1:] == ASKED:
    print("\n".join(tasks()))
else:
    from zigzag_cli.app import main  # loaded here: it takes a second

    main()
