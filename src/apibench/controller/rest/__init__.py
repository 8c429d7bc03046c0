"""The REST face of the controller: `/v1`, a file for each resource. `app.create_app` puts it together."""
