"""A module as a library writes it that ends the program when it lacks something."""

import sys

sys.exit("gone")
