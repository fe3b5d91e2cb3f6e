"""The product's top: settings, addresses, servers."""
