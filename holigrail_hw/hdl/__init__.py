"""Amaranth building blocks that are no operators: plan, primitives, shapes, arithmetic units."""
