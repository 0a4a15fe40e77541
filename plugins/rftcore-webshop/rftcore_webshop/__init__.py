"""WebShop, an environment for rftcore."""
