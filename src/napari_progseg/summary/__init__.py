"""What was done in a project: patients, effort, models, Dice, methods; told in one report."""
