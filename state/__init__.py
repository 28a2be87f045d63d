"""The memory: user records, generations, and what plays change in them."""
