// async_fifo_proof: async_fifo with free clocks, resets, producer and consumer; what must never happen as outputs bad_*, what must be
// possible as outputs can_*. For proof.py, which makes the two clocks enables of one and leads the pointers through the lateness below.
//
// Clocks:   in every step either clock has an edge or not: all frequencies, phases and jitters.
// Lateness: each bit of a pointer reaches the other side by itself, at once or at any later step, at the latest with the next edge of the
//           clock that changed it: skew below a period, and flip-flops that decide late.
// Resets:   it begins where the reset of both sides leaves it; they rise in any order, at any time.
// Word:     the followed word is any word: the solver chooses when to remember it. One bit wide is enough, nothing depends on the data.
module async_fifo_proof #(
    parameter int unsigned Width = 1,
    parameter int unsigned Depth = 4,
    parameter int unsigned Stages = 2,
    localparam int unsigned PtrW = $clog2(Depth) + 1
) (
    input  logic             step_i,           // the clock of every step
    input  logic             s_clk_i,          // an edge in this step?
    input  logic             m_clk_i,
    input  logic             s_rst_i,
    input  logic             m_rst_i,
    input  logic [Width-1:0] s_data_i,
    input  logic             s_valid_i,
    input  logic             m_ready_i,
    input  logic             follow_i,         // remember the word that is taken now
    input  logic [ PtrW-1:0] wr_late_i,        // bits of the pointers that do not arrive in this step
    input  logic [ PtrW-1:0] rd_late_i,
    output logic             bad_overflow_o,   // more words inside than there is room for
    output logic             bad_underflow_o,  // a word comes out of an empty queue
    output logic             bad_word_o,       // the followed word comes out of order or changed
    output logic             bad_wait_o,       // a word that waits at the output vanishes or changes
    output logic             bad_wr_gray_o,    // more than one bit of a pointer changes
    output logic             bad_rd_gray_o,
    output logic             bad_late_m_o,     // a word inside is not offered Stages + 2 edges after its pointer arrived
    output logic             bad_late_s_o,     // an empty queue takes no word Stages + 1 edges after that
    output logic             bad_lemma_o,      // see below
    output logic             can_fill_o,
    output logic             can_follow_o
);
  // ---- resets: once high they stay -----------------------------------------------------------------------------------------
  logic s_up_q = 1'b0, m_up_q = 1'b0;
  wire s_rst_n = s_up_q || s_rst_i;
  wire m_rst_n = m_up_q || m_rst_i;

  always_ff @(posedge step_i) begin
    s_up_q <= s_rst_n;
    m_up_q <= m_rst_n;
  end

  // ---- the queue -----------------------------------------------------------------------------------------------------------
  logic s_ready, m_valid;
  logic [Width-1:0] m_data;

  async_fifo #(.Width(Width), .Depth(Depth), .Stages(Stages)) u_fifo (
      .s_clk_i, .s_rst_ni(s_rst_n), .s_data_i, .s_valid_i, .s_ready_o(s_ready),
      .m_clk_i, .m_rst_ni(m_rst_n), .m_data_o(m_data), .m_valid_o(m_valid), .m_ready_i
  );

  logic [PtrW-1:0] wr_arrived_q = '0, rd_arrived_q = '0;
  // what has arrived; with an edge of its own clock all has
  wire [PtrW-1:0] wr_late = (u_fifo.wr_gray_q & ~wr_late_i) | (wr_arrived_q & wr_late_i);
  wire [PtrW-1:0] rd_late = (u_fifo.rd_gray_q & ~rd_late_i) | (rd_arrived_q & rd_late_i);

  // ---- what it should do ---------------------------------------------------------------------------------------------------
  wire push = s_clk_i && s_rst_n && s_valid_i && s_ready;
  wire pop = m_clk_i && m_rst_n && m_ready_i && m_valid;
  logic [PtrW-1:0] inside_q = '0, ahead_q = '0;  // words inside; those ahead of the followed one
  logic followed_q = 1'b0, waits_q = 1'b0;
  logic [Width-1:0] word_q, data_q;
  logic [3:0] m_edges_q = '0, s_edges_q = '0;  // since the pointer of a waiting word or place arrived

  wire meet = pop && followed_q && ahead_q == '0;

  always_ff @(posedge step_i) begin
    wr_arrived_q <= s_clk_i ? u_fifo.wr_gray_q : wr_late;
    rd_arrived_q <= m_clk_i ? u_fifo.rd_gray_q : rd_late;
    inside_q     <= inside_q + PtrW'(push) - PtrW'(pop);
    if (followed_q) begin
      ahead_q <= ahead_q - PtrW'(pop);
      if (meet) followed_q <= 1'b0;
    end else if (push && follow_i) begin
      followed_q <= 1'b1;
      word_q     <= s_data_i;
      ahead_q    <= inside_q - PtrW'(pop);
    end
    waits_q <= m_valid && !pop;
    data_q  <= m_data;
    if (!m_rst_n || m_valid || inside_q == '0) m_edges_q <= '0;
    else if (m_clk_i && wr_late == u_fifo.wr_gray_q) m_edges_q <= m_edges_q + 4'd1;
    if (!s_rst_n || s_ready || inside_q != '0) s_edges_q <= '0;
    else if (s_clk_i && rd_late == u_fifo.rd_gray_q) s_edges_q <= s_edges_q + 4'd1;
  end

  assign bad_overflow_o  = inside_q > PtrW'(Depth + 1);
  assign bad_underflow_o = pop && inside_q == '0;
  assign bad_word_o      = meet && m_data != word_q;
  assign bad_wait_o      = waits_q && !(m_valid && m_data == data_q);
  assign bad_wr_gray_o   = !$onehot0(u_fifo.wr_gray_q ^ wr_arrived_q);
  assign bad_rd_gray_o   = !$onehot0(u_fifo.rd_gray_q ^ rd_arrived_q);
  assign bad_late_m_o    = m_edges_q == 4'(Stages + 2) && !m_valid;
  assign bad_late_s_o    = s_edges_q == 4'(Stages + 1) && !s_ready;

  // ---- lemmas: with them the whole is inductive, for any depth -------------------------------------------------------------
  // Pointers as the sides know them, oldest first: each is between the one it chases and the next.
  function automatic logic [PtrW-1:0] binary(input logic [PtrW-1:0] code);
    logic [PtrW-1:0] value;
    for (int i = 0; i < PtrW; i++) value[i] = ^(code >> i);
    return value;
  endfunction

  always_comb begin : lemmas
    logic [PtrW-1:0] filled, last, now;
    logic good;
    good = u_fifo.wr_gray_q == (u_fifo.wr_q ^ (u_fifo.wr_q >> 1)) && u_fifo.rd_gray_q == (u_fifo.rd_q ^ (u_fifo.rd_q >> 1));
    good &= s_up_q || (u_fifo.wr_q == '0 && u_fifo.u_rd_seen.sync_q == '0 && !u_fifo.full_q);  // in reset
    good &= m_up_q || (u_fifo.rd_q == '0 && u_fifo.u_wr_seen.sync_q == '0 && !u_fifo.some_q && !m_valid);
    filled = u_fifo.wr_q - u_fifo.rd_q;
    good &= filled <= PtrW'(Depth) && inside_q == filled + PtrW'(m_valid);
    last = '0;  // words that the reader knows of: from the last stage to the first never fewer
    for (int i = Stages - 1; i >= 0; i--) begin
      now = binary(u_fifo.u_wr_seen.sync_q[i]) - u_fifo.rd_q;
      if (i == Stages - 1 && u_fifo.some_q) good &= now != '0;
      good &= now >= last && (m_valid || m_edges_q < 4'(1 + i) || now != '0);
      last = now;
    end
    now = binary(wr_arrived_q) - u_fifo.rd_q;
    good &= now >= last && filled >= now && filled - now <= PtrW'(1);
    good &= m_edges_q < 4'(Stages + 1) || u_fifo.some_q || m_valid;
    last = PtrW'(Depth);  // words that the writer believes to be inside: from the last stage to the first never more
    for (int i = Stages - 1; i >= 0; i--) begin
      now = u_fifo.wr_q - binary(u_fifo.u_rd_seen.sync_q[i]);
      if (i == Stages - 1 && !u_fifo.full_q) good &= now != PtrW'(Depth);
      good &= now <= last && (s_ready || s_edges_q < 4'(1 + i) || now == '0);
      last = now;
    end
    now = u_fifo.wr_q - binary(rd_arrived_q);
    good &= now <= last && filled <= now && now - filled <= PtrW'(1);
    if (followed_q) begin
      good &= ahead_q < inside_q;
      now = u_fifo.rd_q + ahead_q - PtrW'(m_valid);
      good &= word_q == (m_valid && ahead_q == '0 ? m_data : u_fifo.mem[now[PtrW-2:0]]);
    end
    bad_lemma_o = !good;
  end

  assign can_fill_o      = inside_q == PtrW'(Depth + 1);
  assign can_follow_o    = meet;
endmodule
