// A form of the administration is sent once: its buttons rest while the answer is on its way. (Sent twice all the same,
// it is done once: the server knows its hidden key.)
document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || event.defaultPrevented) return;
    const buttons = [...form.elements].filter((one) => one.type === "submit");
    setTimeout(() => buttons.forEach((button) => { button.disabled = true; })); // after the pressed one was read
    window.addEventListener("pageshow", () => buttons.forEach((button) => { button.disabled = false; }), { once: true });
});
