"""TextCraft for rftcore: get, craft, inventory over the real recipe graph."""
