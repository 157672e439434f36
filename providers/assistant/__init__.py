"""The rule-based assistant, which answers where no model is configured; it gains no rules."""
