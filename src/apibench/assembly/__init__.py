"""The only room that names concrete classes: what each process is made of."""
