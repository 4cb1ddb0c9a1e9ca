"""Mail that came back, as mail servers write it. Every message here is made up, on the model that is named
beside it: the fields and their order, the kind of words, what is quoted of the message and how.

`{to}` is where the report was sent, `{id}` the Message-ID of what it returns, `{path}` its return path, and
`{reader}` the reader.
"""

from dataclasses import dataclass

from publisher.core.delivery.bounces import ReportKind, Severity


@dataclass(frozen=True, slots=True)
class Sample:
    """A message and what it is. `named` is by what it can be matched with a delivery."""

    text: str
    kind: ReportKind
    severity: Severity | None = None
    named: str = "to path id"


def report(
    words: str, status: str, *, returned: str = "message/rfc822", kind: str = "delivery-status"
) -> str:
    """A multipart/report (RFC 3462) with these words and these fields of its second part."""
    return f"""Return-Path: <>
Delivered-To: {{to}}
From: Mail Delivery System <MAILER-DAEMON@mx.example.net>
To: {{to}}
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type={kind};
\tboundary="4Zx/lim=it.1"

--4Zx/lim=it.1
Content-Type: text/plain; charset=us-ascii

{words}

--4Zx/lim=it.1
Content-Type: message/{"feedback-report" if kind == "feedback-report" else "delivery-status"}

{status}

--4Zx/lim=it.1
Content-Type: {returned}

Return-Path: <{{path}}>
From: News <news@example.org>
To: {{reader}}
Subject: Low tide at seven
Message-ID: <{{id}}>

The harbour was empty.
--4Zx/lim=it.1--
"""


def fields(status: str, diagnostic: str, action: str = "failed", kind: str = "rfc822") -> str:
    """The second part of a report about one recipient (RFC 3464 2.1)."""
    return f"""Reporting-MTA: dns; mx.example.net
Arrival-Date: Mon, 30 Nov 2026 08:00:05 +0000 (UTC)

Final-Recipient: {kind}; {{reader}}
Original-Recipient: {kind};{{reader}}
Action: {action}
Status: {status}
Diagnostic-Code: {diagnostic}
"""


BOUNCE, DELAY, OTHER = ReportKind.BOUNCE, ReportKind.DELAY, ReportKind.OTHER
HARD, SOFT = Severity.HARD, Severity.SOFT
HEADERS = "text/rfc822-headers"

SAMPLES = {
    # bounce(8) of Postfix, and bounce.cf(5)'s templates
    "postfix, no such user": Sample(
        report(
            "<{reader}>: host mx.example.com said: 550 5.1.1 user unknown (in reply to RCPT TO command)",
            fields("5.1.1", "smtp; 550 5.1.1 <{reader}>: Recipient address rejected:\n    User unknown"),
        ),
        BOUNCE,
        HARD,
    ),
    "postfix, local unknown user": Sample(
        report("<{reader}>: unknown user", fields("5.1.1", 'X-Postfix; unknown user: "ann"')), BOUNCE, HARD
    ),
    "postfix, host not found": Sample(
        report(
            "<{reader}>: Host or domain name not found",
            fields(
                "5.4.4", "X-Postfix; Host or domain name not found. Name service error for name=example.com"
            ),
        ),
        BOUNCE,
    ),
    "postfix, gave up connecting": Sample(
        report("connect to mx.example.com: Connection timed out", fields("4.4.1", "X-Postfix; timed out")),
        BOUNCE,
    ),
    "postfix, mailbox full at last": Sample(
        report("over quota", fields("4.2.2", "smtp; 452 4.2.2 Mailbox full"), returned=HEADERS), BOUNCE, SOFT
    ),
    "postfix, warning after four hours": Sample(
        report(
            "THIS IS A WARNING ONLY. YOU DO NOT NEED TO RESEND YOUR MESSAGE.",
            fields("4.4.1", "X-Postfix; connect to mx.example.com: Connection refused", "delayed"),
            returned=HEADERS,
        ),
        DELAY,
    ),
    # Exim 4's bounce with a delivery-status part (since 4.84), which has Status 5.0.0 for all failures
    "exim, report": Sample(
        report(
            "A message that you sent could not be delivered.",
            fields("5.0.0", "smtp; 550 5.1.1 <{reader}>... User unknown"),
        ),
        BOUNCE,
        HARD,
    ),
    "exim, report without a code": Sample(
        report("A message that you sent could not be delivered.", fields("5.0.0", "smtp; 550 Unknown user")),
        BOUNCE,
        SOFT,
    ),
    # Exim before that: text alone, and X-Failed-Recipients
    "exim, text": Sample(
        """Return-path: <>
Envelope-to: {to}
X-Failed-Recipients: {reader}
Auto-Submitted: auto-replied
From: Mail Delivery System <Mailer-Daemon@mx.example.net>
To: {to}
Subject: Mail delivery failed: returning message to sender

This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  {reader}
    SMTP error from remote mail server after RCPT TO:<{reader}>:
    host mx.example.com [192.0.2.1]: 550 5.1.1 no such user

------ This is a copy of the message, including all the headers. ------

Return-path: <{path}>
From: News <news@example.org>
Message-ID: <{id}>
Subject: 550 5.7.1 what a post may be called

The harbour was empty.
""",
        BOUNCE,
        HARD,
    ),
    # qmail-send's bounce message format (QSBMF)
    "qmail": Sample(
        """Return-Path: <>
Delivered-To: {to}
From: MAILER-DAEMON@mx.example.net
To: {to}
Subject: failure notice

Hi. This is the qmail-send program at mx.example.net.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<{reader}>:
Sorry, no mailbox here by that name. (#5.1.1)

--- Below this line is a copy of the message.

Return-Path: <{path}>
From: News <news@example.org>
Message-ID: <{id}>

The harbour was empty.
""",
        BOUNCE,
        HARD,
    ),
    "qmail, remote": Sample(
        """Return-Path: <>
Delivered-To: {to}
From: MAILER-DAEMON@mx.example.net
To: {to}
Subject: failure notice

Hi. This is the qmail-send program at mx.example.net.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<{reader}>:
192.0.2.1 does not like recipient.
Remote host said: 552 5.2.2 Mailbox is over quota
Giving up on 192.0.2.1.

--- Below this line is a copy of the message.

Return-Path: <{path}>
Message-ID: <{id}>
""",
        BOUNCE,
        SOFT,
    ),
    # Sendmail 8's "Returned mail: see transcript for details"
    "sendmail": Sample(
        report(
            "   ----- The following addresses had permanent fatal errors -----\n<{reader}>\n"
            "    (reason: 550 5.1.1 User unknown)",
            fields("5.1.1", "SMTP; 550 5.1.1 <{reader}>... User unknown"),
        ),
        BOUNCE,
        HARD,
    ),
    "sendmail, still trying": Sample(
        report("   ** THIS IS A WARNING MESSAGE ONLY **", fields("4.4.7", "SMTP; 451 try later", "delayed")),
        DELAY,
    ),
    # Exchange, which writes the name of the component that refused behind the code
    "exchange, no such recipient": Sample(
        report(
            "Your message couldn't be delivered.",
            fields("5.1.10", "smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found"),
        ),
        BOUNCE,
        HARD,
    ),
    "exchange, policy": Sample(
        report(
            "Delivery has failed", fields("5.7.133", "smtp;550 5.7.133 RESOLVER.RST.SenderNotAuthenticated")
        ),
        BOUNCE,
    ),
    "exchange, mailbox full": Sample(
        report("Delivery has failed", fields("5.2.2", "smtp;554 5.2.2 mailbox full; STOREDRV.Deliver")),
        BOUNCE,
        SOFT,
    ),
    # Gmail's report, whose replies have several lines
    "gmail": Sample(
        report(
            "** Address not found **",
            fields(
                "5.1.1",
                "smtp; 550-5.1.1 The email account that you tried to reach does not exist. Please try\n"
                " 550-5.1.1 double-checking the recipient's email address for typos or\n"
                " 550 5.1.1 unnecessary spaces.",
            ),
        ),
        BOUNCE,
        HARD,
    ),
    "gmail, receiving too fast": Sample(
        report(
            "Delivery incomplete", fields("4.2.1", "smtp; 450-4.2.1 receiving mail too quickly", "delayed")
        ),
        DELAY,
    ),
    # Yahoo's replies, which have no enhanced code
    "yahoo": Sample(
        report(
            "Sorry, we were unable to deliver your message",
            fields("5.0.0", "smtp; 554 delivery error: dd This user doesn't have a yahoo.com account"),
        ),
        BOUNCE,
        SOFT,
    ),
    # RFC 6533: a reader whose address is not ASCII
    "global": Sample(
        report(
            "failed", fields("5.1.1", "smtp; 550 5.1.1 no such user", kind="utf-8"), returned="message/global"
        ).replace("message/delivery-status", "message/global-delivery-status"),
        BOUNCE,
        HARD,
    ),
    # RFC 5965: complaints
    "complaint": Sample(
        report(
            "This is an email abuse report.",
            "Feedback-Type: abuse\nUser-Agent: Example/1.0\nVersion: 1\nOriginal-Mail-From: <{path}>\n"
            "Original-Rcpt-To: <{reader}>\n",
            kind="feedback-report",
        ),
        ReportKind.COMPLAINT,
    ),
    "complaint withdrawn": Sample(
        report(
            "not spam",
            "Feedback-Type: not-spam\nUser-Agent: Example/1.0\nVersion: 1\n",
            kind="feedback-report",
        ),
        OTHER,
    ),
    # RFC 3834: a reader's vacation
    "out of office": Sample(
        """Return-Path: <>
Delivered-To: {to}
From: Ann <{reader}>
To: {to}
Subject: Out of office: Low tide at seven
Auto-Submitted: auto-replied
In-Reply-To: <{id}>

I am away. The mailbox for urgent matters is full, 550 5.1.1.
""",
        ReportKind.AUTO_REPLY,
        named="to",
    ),
    "out of office, older": Sample(
        "Delivered-To: {to}\nFrom: {reader}\nSubject: Automatic reply\nPrecedence: auto_reply\n\nAway.\n",
        ReportKind.AUTO_REPLY,
        named="to",
    ),
    "delivered": Sample(
        report("delivered", fields("2.0.0", "smtp; 250 2.0.0 Ok", "relayed")), ReportKind.DELIVERED
    ),
    "a person": Sample(
        "Delivered-To: {to}\nFrom: {reader}\nSubject: Re: Low tide\n\n550 5.1.1 is what I got from Bob.\n",
        OTHER,
        named="to",
    ),
}
"""Name -> a message and what it must be taken for."""
