"""VSE's console: what the registrars do in a browser. It shows organisations and keys, never a
case."""
