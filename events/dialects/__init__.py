"""Other vendors' formats: what their clients send becomes our events. docs/dialects.md says how to add one."""
