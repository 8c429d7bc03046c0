"""From figures to documents and text: pure, data in, text out."""
