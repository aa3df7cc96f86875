"""How a call is made: private; every public name is exported by the package root."""
