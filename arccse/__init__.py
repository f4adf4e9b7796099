"""What is a contrastive objective worth? SimCSE and ArcCSE, trained, scored and compared."""
