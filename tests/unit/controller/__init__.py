"""The controller: who may do what, what is kept of it, and its REST face."""
