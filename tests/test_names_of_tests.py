"""Workers that share the tests find them by name, so a name must not hold an address of memory."""


def test_no_name_of_a_test_holds_an_address(request):
    assert [item.nodeid for item in request.session.items if " at 0x" in item.nodeid] == []
