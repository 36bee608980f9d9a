"""The tables: one module for each dashboard, one for the recording rules, one for the alerts."""
