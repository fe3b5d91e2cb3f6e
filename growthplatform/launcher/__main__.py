"""`python -m growthplatform.launcher`: what `make run` ends in."""

import sys

from growthplatform.launcher.supervisor import Supervisor

sys.exit(Supervisor().run())
