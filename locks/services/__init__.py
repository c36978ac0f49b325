"""Writes that touch two models or the network. Ways in (views, admin, tasks, commands) call these."""
