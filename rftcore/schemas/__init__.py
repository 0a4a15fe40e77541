"""The values that flow through rftcore: frozen, validated, versioned, readable without the code that made them."""
