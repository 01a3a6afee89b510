"""What a person can do next, said the same way by every reader of weights."""

SAVE_A_STATE_DICT = 'Save the state dict alone: torch.save(model.state_dict(), "weights.pt").'
