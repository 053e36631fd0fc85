"""The bake-off of decision rules: worlds, peers' rules, the engine, and what is measured."""
