"""What operators do to storages: prove, move, take over, audit, explain. One module for each management command."""
