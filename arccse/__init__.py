"""What is a contrastive objective worth? SimCSE and ArcCSE, trained, scored and compared."""

__version__ = "0.1.0"
