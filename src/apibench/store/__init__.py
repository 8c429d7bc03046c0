"""What is kept of runs, behind one seam."""
