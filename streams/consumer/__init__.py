"""The Faust consumer that delivers slices."""
