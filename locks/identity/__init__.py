"""What allauth asks of us: its adapters, forms and sign-in stages, and who must have a second factor."""
