"""One file per section of `docs/wire.md`; each test is named after the rule that it checks."""
