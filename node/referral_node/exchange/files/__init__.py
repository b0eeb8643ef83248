"""Attachments: ciphertexts in a folder, made by our people or sent by others."""
