"""Takes tests, starts runs on workers, watches over them."""
