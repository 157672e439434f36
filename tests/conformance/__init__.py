"""One file per section of the protocol; each test is named after the rule that it checks."""
