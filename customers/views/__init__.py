"""Pages of customers, one module for each part of the settings."""
