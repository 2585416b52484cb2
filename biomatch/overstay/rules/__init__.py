"""The rules of stay as pure functions on dates: United States and European Union, versioned and dated."""
