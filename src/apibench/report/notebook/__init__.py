"""
Results in a notebook: tables and pictures that need no script.

No style reaches beyond its own element, and colours are the page's own or stand out on light and dark.
"""
