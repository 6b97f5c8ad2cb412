// hbm_writer_issue: issues write bursts whose data are all in the buffer, and sends these data.
//
//   a burst of n beats is issued when  beats in the buffer that no burst has yet >= n,  a place in the table of bursts
//   in flight is free,  and, if it is its descriptor's last, a place for the descriptor's answer is free
//
// So a burst on AW never waits for the producer of its data: W runs to the end whatever happens on the other side, and a
// stop needs nothing but patience. W does not wait for AWREADY.
//
// Latency:       1 cycle from s_valid_i to m_axi_awvalid and to the first beat on W.
// Throughput:    one address a cycle and one beat a cycle.
// Back-pressure: s_ready_o is the issue itself; it depends on m_axi_awready and registers.
//
// Parameters:
//   DataW, AddrW, MaxBurstBytes, BufferBeats, Outstanding  as in hbm_writer
// Ports:
//   s_*        bursts from hbm_streamer_split; only legal ones are taken
//   data_*     the buffer's output; push_i tells that a beat has entered it
//   table_*    the table of bursts in flight: has room; answers: place for one more descriptor's answer
//   sending_o  an address or data are still to be taken by the memory
module hbm_writer_issue #(
    parameter int unsigned DataW = 256,
    parameter int unsigned AddrW = 64,
    parameter int unsigned MaxBurstBytes = 512,
    parameter int unsigned BufferBeats = 64,
    parameter int unsigned Outstanding = 16,
    localparam int unsigned BeatsW = $clog2(MaxBurstBytes / (DataW / 8) + 1)
) (
    input  logic              clk_i,
    input  logic              rst_ni,
    input  logic              flush_i,
    input  logic              stop_i,
    input  logic [ AddrW-1:0] s_addr_i,
    input  logic [BeatsW-1:0] s_beats_i,
    input  logic              s_last_i,
    input  logic              s_legal_i,
    input  logic              s_valid_i,
    output logic              s_ready_o,
    input  logic              table_room_i,
    input  logic              answer_room_i,
    input  logic              push_i,
    input  logic [ DataW-1:0] data_i,
    input  logic              data_valid_i,
    output logic              data_ready_o,
    output logic [ AddrW-1:0] m_axi_awaddr,
    output logic [       7:0] m_axi_awlen,
    output logic              m_axi_awvalid,
    input  logic              m_axi_awready,
    output logic [ DataW-1:0] m_axi_wdata,
    output logic              m_axi_wlast,
    output logic              m_axi_wvalid,
    input  logic              m_axi_wready,
    output logic              sending_o
);
  localparam int unsigned FreeW = $clog2(BufferBeats + 3);  // what fifo_block can hold
  localparam int unsigned HaveW = (FreeW > BeatsW) ? FreeW : BeatsW;
  localparam int unsigned QueueW = $clog2(Outstanding + 1);

  // ---- addresses -----------------------------------------------------------------------------------------------
  logic [HaveW-1:0] have_q;  // beats in the buffer that belong to no burst yet
  logic aw_valid_q, queue_ready;

  wire [HaveW:0] have_then = {1'b0, have_q} - (HaveW + 1)'(s_beats_i);  // negative: not all data are here
  wire room = table_room_i && queue_ready && (answer_room_i || !s_last_i);
  wire issue = s_valid_i && s_legal_i && !have_then[HaveW] && room && !stop_i && (!aw_valid_q || m_axi_awready);

  assign s_ready_o = issue;
  assign m_axi_awvalid = aw_valid_q;

  always_ff @(posedge clk_i) begin
    if (issue) begin
      m_axi_awaddr <= s_addr_i;
      m_axi_awlen  <= 8'(s_beats_i - BeatsW'(1));
    end
    if (!rst_ni) aw_valid_q <= 1'b0;
    else if (issue) aw_valid_q <= 1'b1;
    else if (m_axi_awready) aw_valid_q <= 1'b0;
    if (!rst_ni || flush_i) have_q <= '0;
    else have_q <= (issue ? have_then[HaveW-1:0] : have_q) + HaveW'(push_i);
  end

  // ---- data ----------------------------------------------------------------------------------------------------
  logic [BeatsW-1:0] beats, beat_q;  // beats of the burst at the head; those of it that are sent
  logic burst_valid;
  logic [QueueW-1:0] bursts;
  wire sent = m_axi_wvalid && m_axi_wready;

  fifo #(
      .Width((BeatsW < 1) ? 1 : BeatsW),  // what is not allowed the core itself refuses
      .Depth((Outstanding < 2) ? 2 : Outstanding)
  ) i_bursts (
      .clk_i,
      .rst_ni,
      .clear_i  (flush_i),
      .s_data_i (s_beats_i),
      .s_valid_i(issue),
      .s_ready_o(queue_ready),
      .m_data_o (beats),
      .m_valid_o(burst_valid),
      .m_ready_i(sent && m_axi_wlast),
      .level_o  (bursts)
  );

  assign m_axi_wdata = data_i;
  assign m_axi_wvalid = burst_valid && data_valid_i;
  assign m_axi_wlast = beat_q == beats - BeatsW'(1);
  assign data_ready_o = burst_valid && m_axi_wready;
  assign sending_o = aw_valid_q || burst_valid;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || flush_i) beat_q <= '0;
    else if (sent) beat_q <= m_axi_wlast ? '0 : beat_q + BeatsW'(1);
  end

  a_no_new_address_after_stop :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      stop_i && (!m_axi_awvalid || m_axi_awready) |=> !m_axi_awvalid);
  a_sending :
  assert property (@(posedge clk_i) disable iff (!rst_ni) burst_valid == (bursts != '0));
endmodule
