"""By what means workers are made for a run: processes of this host, Jobs of Kubernetes."""
