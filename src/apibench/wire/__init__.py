"""How the services reach one another: links, each with a real one over gRPC and one within a process."""
