"""The browser of the person at the terminal."""

import webbrowser


def open_in_browser(url: str) -> bool:
    """Open a page where there is a screen; return whether it was opened.

    Without a screen only browsers are found that would take the terminal.
    """
    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return False
    return type(browser) is not webbrowser.GenericBrowser and browser.open(url)
