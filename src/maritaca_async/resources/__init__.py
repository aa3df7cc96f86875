"""The areas of the API, one module each: path, parameters and answer type of every endpoint."""
