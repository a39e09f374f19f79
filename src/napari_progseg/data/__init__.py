"""From cases to batches: the plan, preprocessing, the store, the sampler and augmentation."""
